"""Results that leave the program: interactive pages in one file, figures and tables for papers."""
