// Puts the gateway object and its bootstrap scripts into the read-only data of whoever links this.
        .section .rodata
        .balign 16
        .global edge_gateway_begin, edge_gateway_end, edge_bootstrap_begin, edge_bootstrap_end
        .global edge_static_folders_begin, edge_static_folders_end
        .hidden edge_gateway_begin, edge_gateway_end, edge_bootstrap_begin, edge_bootstrap_end
        .hidden edge_static_folders_begin, edge_static_folders_end
        .global edge_special_cases_begin, edge_special_cases_end
        .hidden edge_special_cases_begin, edge_special_cases_end
edge_gateway_begin:
        .incbin EDGE_GATEWAY
edge_gateway_end:
edge_bootstrap_begin:
        .incbin EDGE_LEFT_OPEN
        .incbin EDGE_APP_INTERFACE
        .incbin EDGE_BOOTSTRAP
edge_bootstrap_end:
        .byte 0
edge_special_cases_begin:
        .incbin EDGE_SPECIAL_CASES
edge_special_cases_end:
        .byte 0
edge_static_folders_begin:
        .incbin EDGE_STATIC_FOLDERS
edge_static_folders_end:
        .byte 0
        .section .note.GNU-stack,"",%progbits
