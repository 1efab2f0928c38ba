"""A made-up network with made-up traffic, to look around in before anything real is connected.

It is labelled as demo data wherever it shows. ``network`` says what exists, ``traffic`` what flows in it;
``exporter`` sends that over UDP as real IPFIX, ``history`` spools a day of it, ``install`` enters it all into the
database.
"""


def ensure() -> bool:
    """Enter the demo into the database of its account, once; tell whether that was now.

    The account and its owner must exist. A demo that somebody deleted stays deleted. Raise OSError when the spool
    cannot be written.
    """
    # Needs Django, which the exporter's process does without.
    from flowlogs.demo.install import install

    return install()
