"""What goes out to people and programs: reports, exports, mail, webhooks."""
