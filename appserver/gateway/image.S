// Puts the gateway object and its bootstrap script into the read-only data of whoever links this.
        .section .rodata
        .balign 16
        .global edge_gateway_begin, edge_gateway_end, edge_bootstrap_begin, edge_bootstrap_end
        .hidden edge_gateway_begin, edge_gateway_end, edge_bootstrap_begin, edge_bootstrap_end
edge_gateway_begin:
        .incbin EDGE_GATEWAY
edge_gateway_end:
edge_bootstrap_begin:
        .incbin EDGE_LEFT_OPEN
        .incbin EDGE_APP_INTERFACE
        .incbin EDGE_BOOTSTRAP
edge_bootstrap_end:
        .byte 0
        .section .note.GNU-stack,"",%progbits
