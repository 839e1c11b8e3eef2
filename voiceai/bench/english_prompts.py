"""Prompts of ``asterisk-core-sounds-en``, as Allison Smith says them (CC-BY-SA-3.0).

By file name, without its ending. The package has no transcripts: these are the words of Asterisk's
prompts as they are known, and the local recogniser writes all but some 4 % of them. What is written
in more than one way (log in, re-record, numbers) is left out.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["ENGLISH", "MORE_ENGLISH"]

ENGLISH: Final[Mapping[str, str]] = {
    "cannot-complete-as-dialed": "Your call cannot be completed as dialed.",
    "check-number-dial-again": "Please check the number and dial again.",
    "conf-full": "That conference is full.",
    "conf-kicked": "You have been kicked from this conference.",
    "conf-leaderhasleft": "The leader has left the conference.",
    "conf-locked": "This conference is locked.",
    "conf-onlyperson": "You are currently the only person in this conference.",
    "confbridge-invalid": "You have entered an invalid option.",
    "dir-welcome": "Welcome to the directory.",
    "followme/pls-hold-while-try": "Please hold while I try to locate the person you're calling.",
    "followme/status": (
        "The person you are calling is not at their desk. I will try to locate them for you."
    ),
    "invalid": "I'm sorry, that is not a valid extension. Please try again.",
    "number-not-answering": "The number is not answering.",
    "one-moment-please": "One moment please.",
    "please-try-call-later": "Please try your call again later.",
    "pls-hold-while-try": "Please hold while we try to connect you.",
    "queue-thankyou": "Thank you for your patience.",
    "ss-noservice": (
        "The number you have dialed is not in service. Please check the number and try again."
    ),
    "transfer": "Please hold while I try that extension.",
    "vm-dialout": "Please wait while I connect your call.",
    "vm-msgforwarded": "Your message has been successfully forwarded.",
    "vm-nobodyavail": "Nobody is available to take your call at the moment.",
    "vm-sorry": "I'm sorry I did not understand your response.",
}
"""Whole sentences of 1.5 to 6 s."""

MORE_ENGLISH: Final[Mapping[str, str]] = {
    "agent-alreadyon": (
        "That agent is already logged on. Please enter your agent number followed by the pound key."
    ),
    "agent-newlocation": "Please enter a new extension followed by pound.",
    "agent-pass": "Please enter your password followed by the pound key.",
    "all-circuits-busy-now": "All circuits are busy now.",
    "auth-incorrect": "Password incorrect. Please enter your password followed by the pound key.",
    "conf-getchannel": "Please enter the channel number followed by the pound key.",
    "conf-getconfno": "Please enter your conference number followed by the pound key.",
    "conf-getpin": "Please enter the conference pin number.",
    "conf-invalid": "That is not a valid conference number. Please try again.",
    "conf-invalidpin": "That pin is invalid for this conference.",
    "conf-lockednow": "The conference is now locked.",
    "conf-muted": "You are now muted.",
    "conf-noempty": "No empty conferences currently exist.",
    "conf-nonextended": "The conference cannot be extended.",
    "conf-now-recording": "The conference is now being recorded.",
    "conf-onlyone": "There is currently one other participant in the conference.",
    "conf-placeintoconf": "You will now be placed into the conference.",
    "conf-roll-callcomplete": "Playback of the list of people attending is complete.",
    "conf-unlockednow": "The conference is now unlocked.",
    "conf-waitforleader": "The conference will begin when the leader arrives.",
    "confbridge-begin-glorious-a": "The conference will begin when our glorious leader arrives.",
    "confbridge-conf-begin": "The conference will now begin.",
    "confbridge-lock-extended": (
        "To lock or unlock the conference. When a conference is locked, "
        "only conference administrators can join."
    ),
    "confbridge-lock-no-join": "The conference is currently locked and cannot be joined.",
    "confbridge-only-participant": "You are currently the only participant in the conference.",
    "confbridge-pin": (
        "Please enter your personal identification number followed by the pound or hash key."
    ),
    "confbridge-pin-bad": "You have entered too many invalid personal identification numbers.",
    "confbridge-remove-last-out": (
        "To remove the participant who most recently joined the conference."
    ),
    "confbridge-removed": "You have been removed from the conference.",
    "confbridge-unmuted": "You are no longer muted.",
    "demo-echodone": "The echo test has been completed.",
    "demo-enterkeywords": (
        "Please enter one or more keywords separated by star and then press the pound key."
    ),
    "dictate/forhelp": "Press zero for help.",
    "dictate/record_help": (
        "Press one to switch to playback mode. Press eight to truncate the file and start over."
    ),
    "dir-instr": (
        "If this is the person you're looking for, press one now. Otherwise, please press star now."
    ),
    "dir-multi9": "Press nine for more entries.",
    "dir-nomatch": "No directory entries match your search.",
    "dir-nomore": "There are no more compatible entries in the directory.",
    "feature-not-avail-line": "That feature is not available on this line.",
    "followme/options": "Press one to accept this call or two to reject it.",
    "followme/sorry": "I'm sorry, but I was unable to locate the person you were calling.",
    "pbx-invalidpark": (
        "I am sorry, but there is no call parked on that extension. Please try again."
    ),
    "pm-invalid-option": "That option is invalid. Please try again.",
    "priv-callpending": "I have a caller waiting, who introduces themselves as",
    "priv-introsaved": "Thank you. Please hold while I attempt to connect you with your party.",
    "priv-recordintro": "At the tone, please say your name.",
    "privacy-incorrect": "I'm sorry, that number is not valid.",
    "privacy-prompt": "Please enter your phone number starting with the area code.",
    "privacy-unident": "The party you are trying to reach does not accept unidentified calls.",
    "queue-callswaiting": "Waiting to speak with a representative.",
    "queue-quantity2": "Callers waiting to speak with a representative.",
    "queue-thereare": "You are currently caller number",
    "queue-youarenext": (
        "Your call is now first in line and will be answered by the next available representative."
    ),
    "speed-dial-empty": "The speed dial entry you've accessed is empty.",
    "tt-monkeysintro": "They have been carried away by monkeys.",
    "tt-somethingwrong": "Something is terribly wrong.",
    "tt-weasels": "Weasels have eaten our phone system.",
    "vm-advopts": "Press three for advanced options.",
    "vm-calldiffnum": "Press two to enter a different number.",
    "vm-enter-num-to-call": "Please enter the number you wish to call.",
    "vm-forward": "Press one to enter an extension. Press two to use the directory.",
    "vm-forward-multiple": "Press one to send this message or two to add another recipient.",
    "vm-forwardoptions": (
        "Press one to prepend the message or two to forward the message without prepending."
    ),
    "vm-intro": (
        "Please leave your message after the tone. When done, hang up or press the pound key."
    ),
    "vm-invalid-password": (
        "That password does not meet the minimum requirements for this mailbox. Please try again."
    ),
    "vm-invalidpassword": "That is not a valid password. Please try again.",
    "vm-leavemsg": "Press five to leave a message.",
    "vm-mailboxfull": "Sorry, but the user's mailbox can't accept more messages.",
    "vm-msgsaved": "Your message has been saved.",
    "vm-newpassword": "Please enter your new password followed by the pound key.",
    "vm-newuser": (
        "Welcome to comedian mail. First, I will guide you through a short setup process."
    ),
    "vm-next": "Press six to play the next message.",
    "vm-nobox": "You cannot reply to this message because the sender does not have a mailbox.",
    "vm-nonumber": "I'm afraid I don't know who sent this message.",
    "vm-passchanged": "Your passwords have been changed.",
    "vm-prev": "Press four for the previous message.",
    "vm-reachoper": "Press zero to reach an operator.",
    "vm-rec-busy": "After the tone, say your busy message and then press the pound key.",
    "vm-rec-name": "After the tone, say your name and then press the pound key.",
    "vm-rec-temp": "After the tone, say your temporary message and then press the pound key.",
    "vm-record-prepend": (
        "At the tone, please record an introduction to the forwarded message. "
        "When done, press the pound sign."
    ),
    "vm-repeat": "Press five to repeat the current message.",
    "vm-review-urgent": "Press four to mark this message as urgent.",
    "vm-savemessage": "Or nine to save this message.",
    "vm-saveoper": "Press one to accept this recording. Otherwise, please continue to hold.",
    "vm-starmain": "Press star to return to the main menu.",
    "vm-tempgreetactive": "Your temporary greeting is currently active.",
    "vm-tempgreeting": "Press one to record your temporary greeting.",
    "vm-tempgreeting2": (
        "Press one to record your temporary greeting, "
        "or press two to erase your temporary greeting."
    ),
    "vm-tempremoved": "Your temporary greeting has been removed.",
    "vm-tmpexists": "There is a temporary greeting which overrides your standard greetings.",
    "vm-tocallback": "Press two to call the person who sent this message.",
    "vm-tocallnum": "Press one to call this number.",
    "vm-toenternumber": "Press one to enter a number.",
    "vm-toforward": "Press eight to forward the message to another user.",
    "vm-tohearenv": "Press three to hear the message envelope.",
    "vm-tomakecall": "Press four to place an outgoing call.",
    "vm-tooshort": "Your message is too short.",
    "vm-toreply": "Press one to send a reply.",
    "vm-whichbox": "To leave a message, please enter a mailbox number.",
}
"""More of them, of 0.8 s and more, for who counts many words; not all are whole sentences."""
