"""leadglass: the privacy platform for medical images, chest radiographs first.

One film's life, and where to read it:

* ``dicom`` reads a file without decoding what nobody asked for, and composes new ones;
* ``deid`` says what in it identifies, after PS3.15 Annex E, and plans its removal;
* ``anatomy`` outlines what the film shows, ``veil`` partitions it and covers the parts;
* ``seal`` encrypts what was taken out, each part under a key of its own;
* ``policy`` decides who may see which part, and when a second person has to agree;
* ``ledger`` keeps the log that cannot be quietly rewritten;
* ``ports`` and ``site`` name every effect; ``flows`` is one verb a module over them;
* ``adapters`` make the effects real, ``assemble`` chooses them, ``cli`` is where people type.

The state of the data is its type: ``Identified`` may name a patient, ``Clean`` cannot, a ``Rendition`` was made for one
recipient, a ``Release`` is on record and may leave.
"""

__version__ = "0.1.0"
