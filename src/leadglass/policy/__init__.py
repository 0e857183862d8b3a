"""Who may do what with which part of a film, and who else has to agree.

* ``decide`` asks Cedar (https://docs.cedarpolicy.com) about a request, region by region, and joins the answers;
* ``quorum`` counts the people who agreed, and turns a waiting ticket into a grant;
* ``policies/`` holds the schema of the questions and the example policies that a new site copies.

Nothing here asks for the time or keeps anything: a decision is a function of the request, the actor, the circumstances
and the policies. Whatever cannot be answered is answered *forbid*.
"""
