"""The shop: plain WSGI, run by the Python of its own virtualenv."""
import json
import sys


def application(environ, start_response):
    here = environ["SCRIPT_NAME"]
    if environ["PATH_INFO"] == "/python":
        body = json.dumps({"prefix": sys.prefix, "version": sys.version.split()[0]})
        kind = "application/json"
    elif environ["PATH_INFO"] in ("", "/"):
        body = f'<!doctype html><title>Shop</title><h1>Shop</h1><a href="{here}/python">Which Python is this?</a>'
        kind = "text/html; charset=utf-8"
    else:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is no such page in the shop.\n"]
    start_response("200 OK", [("Content-Type", kind)])
    return [body.encode()]
