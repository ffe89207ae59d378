"""bytes ⇄ canonical chat, one file for each provider dialect. Pure."""
