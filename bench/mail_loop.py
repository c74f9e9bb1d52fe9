"""The plain loop: what sending so many mails costs with the standard library alone.

One process, one kept connection, the same words, no record of what went out.
"""

import smtplib
import sys
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

TEXT = "Hello Learner {0},\n\nyou now have access to:\n\n    Course\n"
HTML = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>You have access to Course</title></head>
<body style="font-family: sans-serif; line-height: 1.5">
<p>Hello Learner {0},</p>
<p>you now have access to:</p>
<p style="font-size: 1.25em"><strong>Course</strong></p>
<p>Sign in with the address this mail was sent to.</p>
</body>
</html>
"""


def mail_of(number: int) -> EmailMessage:
    """Build one mail as everybody does."""
    mail = EmailMessage()
    mail["From"] = "courses@example.com"
    mail["To"] = f"Learner {number} <learner{number}@example.com>"
    mail["Subject"] = "You have access to Course"
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain="example.com")
    mail.set_content(TEXT.format(number))
    mail.add_alternative(HTML.format(number), subtype="html")
    return mail


def main(port: int, mails: int) -> None:
    """Send, and tell how long it took."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as server:
        began = time.monotonic()
        for number in range(mails):
            server.send_message(mail_of(number))
        print(time.monotonic() - began)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
