/*
 * The guest: one boot sector
 *
 * It prints to the first serial port, one line each: that it lives; "pci VENDOR:DEVICE at DD.F" for each function that it finds on
 * bus 0 by way of the ports 0xcf8 and 0xcfc; "pci done". Then, once a second, it looks at its power button, and says "guest is asked
 * to leave" and powers off when that was pressed; and it reads the second sector of its disk. The first byte there is a command:
 * 'p' powers off through ACPI, 'r' resets, 't' faults three times over, 'c' tells Xen that it has crashed; any other byte is
 * none. A command is wiped off the disk before it is carried out, so that a guest which is started again finds none.
 *
 * Built as 16-bit code with address 0x7c00, 512 bytes.
 */

        .code16
        .global start

        .set SERIAL, 0x3f8
        .set PCI_ADDRESS, 0xcf8
        .set PCI_DATA, 0xcfc
        .set RESET, 0xcf9
        .set ACPI_EVENTS, 0xb000        /* PM1a status block; a bit is cleared by writing it */
        .set ACPI_BUTTON, 0x01          /* in the high byte: the power button was pressed */
        .set ACPI_CONTROL, 0xb004       /* PM1a control block as Xen's firmware places it */
        .set ACPI_SLEEP_S5, 0x2000      /* sleep enable; S5 is sleep type 0 there */
        .set COMMAND_BUFFER, 0x8000
        .set STACK, 0x7c00
        .set TICKS, 0x046c              /* 18.2 a second, counted by the BIOS */

        .set HYPERVISOR_SCHED_OP, 29
        .set SCHEDOP_SHUTDOWN, 2
        .set SHUTDOWN_CRASH, 3

start:  cli
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $STACK, %sp
        sti
        cld
        mov     %dl, drive

        mov     $alive, %si
        call    print

        /* Each device and function of bus 0: the address is in %ebp, bits 15 to 8 are device and function. */
        mov     $0x80000000, %ebp
scan:   mov     %ebp, %eax
        call    pci_read
        cmp     $0xffff, %ax
        je      next
        mov     %eax, %edi
        mov     $found, %si
        call    print
        mov     %edi, %eax
        call    print_hex
        mov     $':', %al
        call    put
        mov     %edi, %eax
        shr     $16, %eax
        call    print_hex
        mov     $at, %si
        call    print
        mov     %bp, %ax
        shr     $11, %ax
        call    print_byte
        mov     $'.', %al
        call    put
        mov     %bp, %ax
        shr     $8, %ax
        and     $7, %al
        add     $'0', %al
        call    put
        call    end_line
next:   add     $0x100, %ebp
        test    $0xff00, %bp
        jnz     scan
        mov     $done, %si
        call    print

wait:   mov     TICKS, %bx
        add     $18, %bx
tick:   hlt
        cmp     %bx, TICKS
        js      tick
        mov     $ACPI_EVENTS, %dx
        in      %dx, %ax
        test    $ACPI_BUTTON, %ah
        jz      look
        out     %ax, %dx
        mov     $asked, %si
        call    print
        call    power_off
look:   mov     $0x02, %ah
        call    disk
        jc      wait
        mov     COMMAND_BUFFER, %al
        mov     $commands, %si
search: mov     (%si), %bl
        test    %bl, %bl
        jz      wait
        cmp     %bl, %al
        je      obey
        add     $3, %si
        jmp     search

obey:   movb    $'-', COMMAND_BUFFER
        push    %si
        mov     $0x03, %ah
        call    disk
        mov     $doing, %si
        call    print
        pop     %si
        mov     (%si), %al
        call    put
        push    %si
        call    end_line
        pop     %si
        call    *1(%si)
        jmp     wait

power_off:
        mov     $ACPI_CONTROL, %dx
        mov     $ACPI_SLEEP_S5, %ax
        out     %ax, %dx
        ret

reset:  mov     $RESET, %dx
        mov     $0x06, %al
        out     %al, %dx
        mov     $0xfe, %al
        out     %al, $0x64
        ret

triple_fault:
        lidt    no_table
        int3

/* The instruction of the hypercall is the processor vendor's: vmmcall is AMD's, vmcall Intel's. */
crash:  xor     %eax, %eax
        cpuid
        cmp     $0x68747541, %ebx       /* "Auth" of AuthenticAMD */
        mov     $HYPERVISOR_SCHED_OP, %eax
        mov     $SCHEDOP_SHUTDOWN, %ebx
        mov     $crash_reason, %ecx
        jne     intel
        vmmcall
        ret
intel:  vmcall
        ret

/* %ah: 2 reads, 3 writes the sector of commands. Carry: it failed. */
disk:   mov     $0x01, %al
        mov     $COMMAND_BUFFER, %bx
        mov     $0x0002, %cx
        xor     %dh, %dh
        mov     drive, %dl
        int     $0x13
        ret

pci_read:
        mov     $PCI_ADDRESS, %dx
        out     %eax, %dx
        mov     $PCI_DATA, %dx
        in      %dx, %eax
        ret

/* %al as two digits, %ax as four. */
print_byte:
        mov     $2, %cx
        mov     %al, %bh
        jmp     digit
print_hex:
        mov     $4, %cx
        mov     %ax, %bx
digit:  rol     $4, %bx
        mov     %bl, %al
        and     $0x0f, %al
        cmp     $10, %al
        sbb     $0x69, %al              /* 0-9, then A-F … */
        das
        or      $0x20, %al              /* … in small letters; digits have that bit */
        call    put
        loop    digit
        ret

end_line:
        mov     $newline, %si
print:  lodsb
        test    %al, %al
        jz      printed
        call    put
        jmp     print
put:    mov     $SERIAL, %dx
        out     %al, %dx
printed:
        ret

commands:
        .byte   'p'
        .word   power_off
        .byte   'r'
        .word   reset
        .byte   't'
        .word   triple_fault
        .byte   'c'
        .word   crash
        .byte   0

alive:  .asciz  "guest alive\n"
found:  .asciz  "pci "
at:     .asciz  " at "
done:   .asciz  "pci done\n"
doing:  .asciz  "guest does "
asked:  .asciz  "guest is asked to leave\n"
newline:
        .asciz  "\n"
        .balign 4
crash_reason:
        .long   SHUTDOWN_CRASH
no_table:
        .word   0
        .long   0
drive:  .byte   0

        .org    510
        .word   0xaa55
