"""Encrypt each part to one context, under a key of its own.

* ``envelope`` seals stored bytes in chunks that can be read anywhere (C2SP Cobblestone-256);
* ``cms`` seals what travels inside a DICOM file (RFC 5083, AES-256-GCM under a key-encryption key);
* ``keys`` derives, wraps and names keys; ``person`` holds what somebody's passphrase unlocks, and signs with it.

Keys, nonces, salts and seeds are arguments. A context is what the sealed bytes are about; opened as anything else they
stay shut. What does not verify raises before its first byte is handed out.
"""
