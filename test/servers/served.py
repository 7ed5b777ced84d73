"""What the doubles that serve by threads of this process have in common."""

import threading


class Served:
    """Serves from the beginning of a `with` to its end. Stands before a class of socketserver."""

    daemon_threads = True

    def handle_error(self, *_):
        """A program that is killed resets its connections; a handshake may be broken off."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
