"""Encrypt each part to one context, under a key of its own.

* ``envelope`` seals stored bytes in chunks that can be read anywhere (C2SP Cobblestone-256);
* ``cms`` seals what travels inside a DICOM file (RFC 5083, RFC 5652), for a key of the site or for people: their
  ``recipients`` entries, in ``der``;
* ``public`` reads and writes the keys of people, and ``hpke`` seals a small record for one of them (RFC 9180);
* ``escrow`` parts a key into shares of which two are enough;
* ``keys`` derives, wraps and names keys; ``person`` holds what somebody's passphrase unlocks, and signs with it.

Keys, nonces, salts and seeds are arguments. A context is what the sealed bytes are about; opened as anything else they
stay shut. What does not verify raises before its first byte is handed out.
"""
