"""The blog: a Flask application that knows nothing of the path it is mounted on."""
import sys

from flask import Flask, jsonify, url_for

app = Flask(__name__)
POSTS = {"first": "Mounting an application on a sub-path", "second": "One Python for each application"}


@app.get("/")
def index():
    items = "".join(f'<li><a href="{url_for("post", name=n)}">{title}</a></li>' for n, title in POSTS.items())
    return f"<!doctype html><title>Blog</title><h1>Blog</h1><ul>{items}</ul>"


@app.get("/post/<name>")
def post(name):
    return f'<!doctype html><title>{POSTS[name]}</title><h1>{POSTS[name]}</h1><a href="{url_for("index")}">Back</a>'


@app.get("/python")
def python():
    return jsonify(prefix=sys.prefix, version=sys.version.split()[0])
