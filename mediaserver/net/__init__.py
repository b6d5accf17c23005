"""Our sockets and our clock: the only place where bytes meet the network."""
