"""What a song plays: style, tempo, key, chords, sections, and the notes of each part."""
