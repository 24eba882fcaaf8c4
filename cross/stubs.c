/*
 * What the static program has in place of three shared libraries.
 *
 * Debian's liblxc.a refers to libdbus and libselinux, and Debian has no static
 * archive of either for it. Neither is ever of use here, so that each function
 * says what the library says on a machine without it:
 *
 * - libdbus: liblxc asks systemd over D-Bus for a control group, and only when
 *   it runs as an ordinary user. Containers are made by root.
 * - libselinux: liblxc asks is_selinux_enabled() first and nothing after a no.
 *   Debian and Raspberry Pi OS confine with AppArmor, which liblxc does itself.
 *
 * The functions are declared without their parameters, which none of them
 * looks at; all machines that are built for pass parameters in a way that
 * allows this. tests/cross.rs holds that the list is exactly what liblxc.a
 * lacks.
 *
 * - The C library's own loader, __wrap___libc_dlopen_mode: users and hosts are
 *   looked up by plug-ins that /etc/nsswitch.conf names. "files" and "dns" are
 *   part of a static program; any other (libnss-systemd, libnss-mdns, ...) would be
 *   loaded together with a second C library of another version, and the
 *   program would crash. Refusing to load makes the C library go on with the
 *   next word of the line in nsswitch.conf.
 */

#include <stddef.h>

#define NOTHING(function) void *function(void) { return NULL; }
#define NO(function) int function(void) { return 0; }
#define FAILS(function) int function(void) { return -1; }
#define DOES_NOTHING(function) void function(void) { }

/* Every use of D-Bus begins with these two, and ends when they fail. */
NO(dbus_threads_init_default)
NOTHING(dbus_connection_open)

NO(dbus_bus_add_match)
DOES_NOTHING(dbus_connection_flush)
NOTHING(dbus_connection_pop_message)
NO(dbus_connection_read_write)
NO(dbus_connection_send)
NO(dbus_connection_send_with_reply)
DOES_NOTHING(dbus_connection_unref)
DOES_NOTHING(dbus_error_free)
DOES_NOTHING(dbus_error_init)
NO(dbus_error_is_set)
NO(dbus_message_is_signal)
DOES_NOTHING(dbus_message_iter_abandon_container)
NO(dbus_message_iter_append_basic)
NO(dbus_message_iter_close_container)
NO(dbus_message_iter_get_arg_type)
DOES_NOTHING(dbus_message_iter_get_basic)
NO(dbus_message_iter_init)
DOES_NOTHING(dbus_message_iter_init_append)
NO(dbus_message_iter_next)
NO(dbus_message_iter_open_container)
NOTHING(dbus_message_new_method_call)
DOES_NOTHING(dbus_message_unref)
DOES_NOTHING(dbus_pending_call_block)
NOTHING(dbus_pending_call_steal_reply)
DOES_NOTHING(dbus_pending_call_unref)

NO(is_selinux_enabled)
FAILS(getpidcon_raw)
FAILS(setcon_raw)
FAILS(setexeccon_raw)
FAILS(setkeycreatecon_raw)

NOTHING(__wrap___libc_dlopen_mode)
