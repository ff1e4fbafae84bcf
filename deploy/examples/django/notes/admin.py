"""Notes in Django's admin."""
from django.contrib import admin

from notes.models import Note


@admin.register(Note)
class NoteAdmin(admin.ModelAdmin):
    list_display = ["author", "text", "written"]
    search_fields = ["author", "text"]
