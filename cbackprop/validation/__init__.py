"""What a user may give: options, numbers and data, or an error that says what to do."""
