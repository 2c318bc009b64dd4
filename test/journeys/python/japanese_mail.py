"""Sends Japanese mail as the mail programs of the last thirty years have written it. Arguments: smtp port,
recipient, folder for copies. Each message is also written into the folder, as it was sent."""
import base64
import smtplib
import sys
from email.header import Header
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from pathlib import Path

port, recipient, folder = sys.argv[1:]
messages = {}


def jis(words):
    return "=?ISO-2022-JP?B?" + base64.b64encode(words.encode("iso-2022-jp")).decode() + "?="


# ISO-2022-JP throughout, by Python's own email package; the file name as an encoded word inside quotes, which RFC
# 2047 section 5 forbids and everybody did.
whole = MIMEMultipart()
whole["From"] = f"{Header('山田太郎', 'iso-2022-jp').encode()} <taro@elsewhere.example>"
whole["To"] = recipient
whole["Subject"] = Header("会議の議事録をお送りします（改訂版）", "iso-2022-jp")
whole["Message-ID"] = "<jis@elsewhere.example>"
whole.attach(MIMEText("お世話になっております。\n来週の打ち合わせの件です。\n", "plain", "iso-2022-jp"))
part = MIMEApplication(b"%PDF-1.4\n")
part["Content-Disposition"] = f'attachment; filename="{jis("議事録.pdf")}"'
whole.attach(part)
messages["jis"] = whole.as_bytes(policy=compat32.clone(linesep="\r\n"))

# UTF-8 in base64; the file name by RFC 2231, cut into two pieces.
whole = MIMEMultipart()
whole["From"] = "hanako@elsewhere.example"
whole["To"] = recipient
whole["Subject"] = Header("見積書と請求書", "utf-8")
whole["Message-ID"] = "<utf8@elsewhere.example>"
whole.attach(MIMEText("御見積書を添付いたします。\n", "plain", "utf-8"))
part = MIMEApplication(b"PK")
part["Content-Disposition"] = "attachment; filename*0*=UTF-8''%E8%A6%8B%E7%A9%8D; filename*1*=%E6%9B%B8.xlsx"
whole.attach(part)
messages["utf8"] = whole.as_bytes(policy=compat32.clone(linesep="\r\n"))

# Nothing encoded at all: RFC 6532, needs SMTPUTF8.
messages["raw"] = (
    f"From: 鈴木 <suzuki@elsewhere.example>\r\nTo: {recipient}\r\nSubject: 生の件名です\r\nMessage-ID: <raw@elsewhere.example>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
    'Content-Transfer-Encoding: 8bit\r\n\r\n本文も生のままです。\r\n--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename="名簿.csv"\r\n\r\n'
    "1,2\r\n--b--\r\n"
).encode()

# Shift_JIS with half-width kana, as older programs on Windows wrote it.
messages["sjis"] = (
    b"From: old@elsewhere.example\r\nTo: " + recipient.encode() + b"\r\nSubject: =?Shift_JIS?B?"
    + base64.b64encode("ﾃｽﾄ送信".encode("shift_jis")) + b"?=\r\nMessage-ID: <sjis@elsewhere.example>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=Shift_JIS\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    + "表示が化けませんように。ﾊﾝｶｸ\r\n".encode("shift_jis")
)

# Called ISO-2022-JP, with a circled digit from NEC row 13 (0x2D21), which only Microsoft's relative has.
circled = b"\x1b$B-!\x1b(B" + "案".encode("iso-2022-jp")
messages["microsoft"] = (
    b"From: win@elsewhere.example\r\nTo: " + recipient.encode() + b"\r\nSubject: =?iso-2022-jp?B?" + base64.b64encode(circled)
    + b"?=\r\nMessage-ID: <microsoft@elsewhere.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n"
    b"Content-Transfer-Encoding: 7bit\r\n\r\n" + circled + b"\r\n"
)

with smtplib.SMTP("localhost", int(port)) as client:
    client.ehlo("client.example")
    for name, message in messages.items():
        Path(folder, name).write_bytes(message)
        options = ["SMTPUTF8", "BODY=8BITMIME"] if name == "raw" else ["BODY=8BITMIME"]
        client.sendmail("sender@elsewhere.example", [recipient], message, mail_options=options)
