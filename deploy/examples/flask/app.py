"""A small Flask application: pages from templates, a form, JSON, an upload."""
import hashlib
import platform

from flask import Flask, abort, jsonify, redirect, render_template, request, url_for

app = Flask(__name__)
FRUIT = {"apple": 0.45, "banana": 0.25, "cherry": 0.10}


@app.get("/")
def index():
    return render_template("index.html", fruit=FRUIT)


@app.post("/greet")
def greet():
    name = request.form.get("name", "").strip()
    if not name:
        abort(400, "Please give a name.")
    return redirect(url_for("greeting", name=name), 303)


@app.get("/greeting/<name>")
def greeting(name):
    return render_template("greeting.html", name=name)


@app.get("/api/fruit")
def fruit():
    return jsonify(fruit=FRUIT, python=platform.python_version())


@app.post("/api/price")
def price():
    order = request.get_json()
    unknown = sorted(set(order) - set(FRUIT))
    if unknown:
        return jsonify(error="unknown fruit", names=unknown), 422
    return jsonify(total=round(sum(FRUIT[name] * count for name, count in order.items()), 2))


@app.post("/upload")
def upload():
    file = request.files.get("file")
    if file is None:
        abort(400, "Please choose a file.")
    digest, size = hashlib.sha256(), 0
    while piece := file.stream.read(1 << 20):
        digest.update(piece)
        size += len(piece)
    return render_template("uploaded.html", name=file.filename, size=size, digest=digest.hexdigest())


@app.errorhandler(404)
def not_found(error):
    return render_template("not_found.html"), 404
