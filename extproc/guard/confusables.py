"""Letters of other scripts, and styled ones, that look like a letter of ASCII.

Source: Unicode Technical Standard 39, ``confusables.txt``, as confusable-homoglyphs 3.3.1 (January 2024) carries it;
Unicode License v3. Kept are single letters that look like one ASCII letter and that NFKC leaves as they are. A capital
that looks like "l" is "I" here. Added by hand: what generators of such text use besides (small Cyrillic and Greek
letters, phonetic small capitals), and letters in negative circles and squares.
"""

_LETTERS = """
A 391 410 13aa 15c5 a4ee 102a0 16f40
a 251 3b1 430 1d00
B 392 412 13f4 15f7 a4d0 a7b4 10282 102a1 10301
b 184 299 3b2 42c 432 44c 13cf 1472 15af
C 421 13df 2ca4 a4da 102a2 10302 10415 1051c
c 441 1d04 2ca5 abaf 1043d
D 13a0 15de 15ea a4d3
d 501 13e7 146f 1d05 a4d2
E 395 415 13ac 2d39 a4f0 10286 118a6 118ae
e 3b5 435 437 454 4bd 1d07 ab32
F 3dc 15b4 a4dd a798 10287 102a5 10525 118a2 118c2
f 584 1e9d a730 a799 ab35
G 50c 13c0 13f3 a4d6
g 18d 261 262 581 1d83
H 397 41d 13bb 157c 2c8e a4e7 102cf
h 29c 43d 4bb 570 13c2
I 196 399 406 4c0 2c92
i 131 269 26a 3b9 456 4cf 13a5 a647 ab75 118c3
J 37f 408 13ab 148d a4d9 a7b2
j 3f3 458 1d0a
K 39a 41a 13e6 16d5 2c94 a4d7 10518
k 3ba 43a 1d0b
L 13de 14aa 2cd0 a4e1 1041b 10526 118a3 118b2 16f16
l 1c0 29f 16c1 2d4f a4f2 1028a 10309 16f28
M 39c 3fa 41c 13b7 15f0 16d6 2c98 a4df 102b0 10311
m 43c 1d0d
N 39d 2c9a a4e0 10513
n 274 3b7 438 43f 578 57c
O 39f 41e 555 b20 12d0 2c9e 2d54 a4f3 10292 102ab 10404 104c2 10516 118b5
o 3bf 3c3 43e 585 d20 101d 10ff 1d0f 1d11 2c9f ab3d 1042c 104ea 118c8 118d7
P 3a1 420 13e2 146d 2ca2 a4d1 10295
p 3c1 440 1d18 2ca3
Q 2d55
q 51b 563 566 a7af
R 1a6 13a1 13d2 1587 a4e3 104b4 16f35
r 280 433 44f 1d26 2c85 ab47 ab48 ab81
S 405 54f 13d5 13da a4e2 10296 10420 16f3a
s 1bd 455 a731 abaa 10448 118c1
T 3a4 422 13a2 2ca6 a4d4 10297 102b1 10315 118bc 16f0a
t 3c4 442 1d1b
U 54d 1200 144c a4f4 104ce 118b8 16f42
u 28b 3bc 3c5 57d 1d1c a79f ab4e ab52 104f6 118d8
V 474 13d9 142f 2d38 a4e6 a6df 1051d 118a0 16f08
v 3bd 475 1d20 aba9 11706 118c0
W 51c 13b3 13d4 a4ea
w 26f 3c9 461 51d 561 1d21 ab83 1170a 1170e 1170f
X 3a7 425 16b7 2cac 2d5d a4eb a7b3 10290 102b4 10317 10527
x 3c7 445 1541 157d 166e
Y 3a5 423 4ae 13a9 13bd 2ca8 a4ec 102b2 118a4 16f43
y 263 28f 3b3 443 4af 10e7 1d8c 1eff ab5a 118dc
Z 396 13c3 a4dc 118a9
z 1d22 ab93 118c4
"""
_STYLED = (0x1F150, 0x1F170, 0x1F1E6)
"""Where alphabets of capitals begin: negative circled, negative squared, regional indicators."""


def _table() -> dict[int, str]:
    table = {first + index: chr(ord("A") + index) for first in _STYLED for index in range(26)}
    letter = ""
    for word in _LETTERS.split():
        # A line of the table begins with its letter, and no code point is one hexadecimal digit.
        if len(word) == 1:
            letter = word
        else:
            table[int(word, 16)] = letter
    return table


LOOKALIKES = _table()
"""Code point → the ASCII letter that it looks like."""
