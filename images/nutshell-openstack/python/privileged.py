"""One privileged helper for all of neutron's sorts of privileged work: each would start a process of its own.

As a program it is that helper; `share` makes neutron ask for this one whatever the sort.
"""


def share():
    """Before any privileged function is defined."""
    from neutron import privileged
    for name, context in list(vars(privileged).items()):
        if type(context).__name__ == 'PrivContext':
            setattr(privileged, name, privileged.default)


if __name__ == '__main__':
    share()
    from oslo_privsep import daemon
    daemon.helper_main()
