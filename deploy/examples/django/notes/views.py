"""The one page: the notes, and a form for another."""
from django.forms import ModelForm
from django.shortcuts import redirect, render

from notes.models import Note


class NoteForm(ModelForm):
    class Meta:
        model = Note
        fields = ["author", "text"]


def guestbook(request):
    form = NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("guestbook")
    return render(request, "notes/guestbook.html", {"form": form, "notes": Note.objects.all()[:50]})
