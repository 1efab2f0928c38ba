"""The collector: a process of its own that receives datagrams and stores them, and does nothing else.

It imports the standard library and ``flowlogs.spool`` only, so that it starts at once, stays small, and
nothing that happens in the rest of the program can hold it up. What it stored and what it lost it tells in
``status``.
"""
