"""The invisible mark: put on, found again, and what may be said of whose copy a picture is.

A mark is a field of keyed +-1 chips on several grids, far below the film's own noise. The hospital holds the original and
knows every delivery, so that finding is informed: a found picture is matched to its film (``fingerprint``), brought back to
the film's geometry and tone (``register``), reduced to one coefficient a chip, and correlated with the chips of every
recorded release. What innocent keys score is a theorem, not a calibration (``accuse``).

``chips``, ``spread`` and ``accuse`` need numpy alone and run where the keys are. What imports OpenCV runs in a process that
has none, and parses nothing but arrays.
"""
