# ENVELOPE and BODYSTRUCTURE of all messages of INBOX as Perl's Mail::IMAPClient reads them: one line of JSON each.
# Usage: perl structure-by-mail-imapclient.pl PORT USER PASSWORD
use strict;
use warnings;
use JSON::PP;
use Mail::IMAPClient;
use Mail::IMAPClient::BodyStructure;

my ($port, $user, $password) = @ARGV;
my $client = Mail::IMAPClient->new(Server => '127.0.0.1', Port => $port, User => $user, Password => $password, Uid => 1, Peek => 1)
  or die "cannot log in: $@\n";
$client->select('INBOX') or die 'cannot select: ' . $client->LastError . "\n";
my $json = JSON::PP->new->canonical->ascii->allow_nonref;

sub tree {
  my ($part) = @_;
  my @children = map { tree($_) } @{ $part->{bodystructure} || [] };
  my $type = $part->bodytype;
  # A message holds one part; when that is a multipart the library leaves it between the two.
  return { type => lc($type eq 'MULTIPART' || @children && $type ne 'MESSAGE' ? 'multipart' : $type), subtype => lc $part->bodysubtype, children => \@children };
}

# Without the entries that end groups (RFC 3501 section 7.4.2).
sub addresses {
  my ($list) = @_;
  return scalar grep { $_->mailboxname ne 'NIL' } @{ ref $list ? $list : [] };
}

for my $uid (@{ $client->messages }) {
  my %line = (uid => 0 + $uid);
  my $structure = $client->get_bodystructure($uid);
  $line{tree} = tree($structure) if $structure;
  my $envelope = $client->get_envelope($uid);
  $line{envelope} = { subject => $envelope->subject, message_id => $envelope->messageid, from => addresses($envelope->from), to => addresses($envelope->to) } if $envelope;
  print $json->encode(\%line), "\n";
}
