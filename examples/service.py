"""
A model behind a web service
============================

Probabilities of handwritten digits for whoever asks by HTTP, with nothing but the standard library
around the model::

    python service.py --port 8000
    curl -d '{"rows": [[0, 0, 5, 13, ...]]}' http://127.0.0.1:8000/

Every connection has a thread, and all call the one predictor: what a call works in is its own.
"""

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sklearn.datasets import load_digits

from cbackprop import MLPClassifier


def service(ask, labels, port):
    """A server that answers ``{"rows": [...]}`` with each row's probabilities, by label.

    What the model cannot take is answered with status 400 and what is wrong with it.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # the connection stays open for the next row
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body go out together

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            try:
                rows = json.loads(body)["rows"]
                said = ask(rows).reshape(-1, len(labels)).tolist()  # also of one row alone
                found = [dict(zip(labels, row, strict=True)) for row in said]
                self.answer(200, {"probabilities": found})
            except (ValueError, TypeError, KeyError) as error:
                self.answer(400, {"error": f"{type(error).__name__}: {error}"})

        def answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve a model of handwritten digits.")
    parser.add_argument("--port", type=int, default=8000)
    args, _ = parser.parse_known_args()
    X, y = load_digits(return_X_y=True)
    clf = MLPClassifier((50,), max_iter=50, tol=0.01, random_state=0).fit(X, y)
    labels = [str(label) for label in clf.classes_]
    with service(clf.predictor("predict_proba"), labels, args.port) as server:
        print(f"http://127.0.0.1:{server.server_port}/ answers", flush=True)
        server.serve_forever()
