"""Arguments of the public methods: what can never work is refused while a template is made."""
