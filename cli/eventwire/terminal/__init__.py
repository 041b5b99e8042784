"""What stands between a person or a script and the commands: streams, prompts, reports, completion."""
