// Puts asgi.py, the event loop of ASGI workers, into the gateway object: it is compiled only where an app speaks ASGI.
        .section .rodata
        .global edge_asgi_begin
        .hidden edge_asgi_begin
edge_asgi_begin:
        .incbin EDGE_ASGI
        .byte 0
        .section .note.GNU-stack,"",%progbits
