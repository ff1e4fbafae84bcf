// Puts asgi.py, the event loop of ASGI workers, into the gateway object: it is compiled only where an app speaks ASGI.
        .section .rodata
        .global edge_asgi_source
        .hidden edge_asgi_source
edge_asgi_source:
        .incbin EDGE_ASGI
        .byte 0
        .section .note.GNU-stack,"",%progbits
