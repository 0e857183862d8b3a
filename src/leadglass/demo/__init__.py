"""``make demo``: one film's life from door to door, on a real site, with people who do not exist.

``story`` does it and checks every claim as it goes, ``teller`` says it at the terminal, ``report`` writes it down with
pictures. A claim that does not hold ends the demonstration with an error: what is printed did happen.
"""
