"""MIME trees of all messages of INBOX as Python's email package finds them, fetched by imaplib: one line of JSON each.

Three things that the package says in another way than IMAP can are put into IMAP's words here:
it opens every message/*, where BODYSTRUCTURE opens message/rfc822 alone (RFC 3501 section 7.4.2);
it has multiparts without parts, which the grammar has no words for: they are text;
it opens encoded messages, which RFC 2046 section 5.2.1 forbids and whose octets no section could name.
What some suites have put on top of their mails (a licence as comment, a title) is taken away first, and folded
fields are unfolded: this package looks for a boundary with its fold in it.

"odd" marks a part for which text/plain or application/octet-stream is as right: a type without a subtype, and a
message that may be a header without the line that ends it.

Usage: python3 structure-by-python.py PORT USER PASSWORD
"""
import imaplib
import json
import re
import sys
from email.feedparser import BytesFeedParser
from email.policy import Compat32


class Unfolding(Compat32):
    def header_source_parse(self, sourcelines):
        name, value = super().header_source_parse(sourcelines)
        return name, re.sub(r"\r?\n(?=[ \t])", "", value)


def tree(part):
    kind, _, subtype = part.get_content_type().partition("/")
    payload = part._payload  # as it was read: get_payload() would decode its charset
    children = payload if isinstance(payload, list) else []
    octets = len(payload.encode("ascii", "surrogateescape")) if isinstance(payload, str) else None
    if kind == "multipart" and not children:
        kind, subtype = "text", "plain"
    if kind == "message":
        if subtype != "rfc822":
            children = []
        elif str(part.get("Content-Transfer-Encoding", "")).strip().lower() in ("base64", "quoted-printable"):
            kind, subtype, children = "application", "octet-stream", []
    found = {"type": kind, "subtype": subtype, "children": [tree(child) for child in children], "octets": octets}
    content_type = part.get("Content-Type")
    if content_type is not None and not re.match(r"\s*[^\s/;]+/[^\s/;]+\s*(;|$)", str(content_type)):
        found["odd"] = "no subtype"
    if kind == "message" and children and (children[0]._payload == "" or children[0].defects):
        found["odd"] = "header alone"
    return found


def parse(data):
    parser = BytesFeedParser(policy=Unfolding())  # its feed changes no line ends
    parser.feed(re.sub(rb"\A(?:(?:#[^\n]*\n)+(?:[ \t]+\r?\n)?(?=[!-9;-~]+:)|Mail content:\r?\n)", b"", data))
    return parser.close()


def main():
    port, user, password = sys.argv[1:4]
    imaplib._MAXLINE = 100_000_000
    client = imaplib.IMAP4("127.0.0.1", int(port))
    client.login(user, password)
    client.select("INBOX", readonly=True)
    _, found = client.uid("FETCH", "1:*", "(UID BODY.PEEK[])")
    for item in found:
        if not isinstance(item, tuple):
            continue
        uid = int(re.search(rb"UID (\d+)", item[0]).group(1))
        print(json.dumps({"uid": uid, "tree": tree(parse(item[1]))}))
    client.logout()


main()
