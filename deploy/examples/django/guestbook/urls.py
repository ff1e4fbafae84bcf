"""Addresses of the guestbook."""
from django.contrib import admin
from django.urls import path

from notes.views import guestbook

urlpatterns = [
    path("", guestbook, name="guestbook"),
    path("admin/", admin.site.urls),
]
