"""A call in the forms that other programs read: subtitles, vCon, JSON; and texts as a table may show them."""
