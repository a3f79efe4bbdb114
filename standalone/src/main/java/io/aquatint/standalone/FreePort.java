package io.aquatint.standalone;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;

/** Looks at ports before a server is started on them: some servers end the process when theirs is taken. */
final class FreePort {
    private FreePort() {}

    /**
     * @param port 0 finds one
     * @throws IllegalStateException if it is taken
     */
    static int of(int port) {
        try (var socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            return socket.getLocalPort();
        } catch (BindException e) {
            throw new IllegalStateException(
                    "port %d is taken: stop what listens there or choose another".formatted(port), e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot look for a free port", e);
        }
    }
}
