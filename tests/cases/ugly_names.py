"""Labels and names of columns that could end the comment or the string that they stand in."""

UGLY = [
    "*/ int broken; /*", '"; int broken; char *a = "', "back\\", "??/", "??/\n#error",
    "*\\\n/ int broken; /*", "*??/\n/ int broken; /*", "line\nline", "naïve – 猫 🐈",
    "\r\t\0\x7f", "%s{}{name}NAME_x REAL", "// \\\n", "a" * 3000, "", "\ud800",
]  # fmt: skip
