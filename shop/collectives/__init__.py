"""What village collectives earn, in which tier that puts them, and strong villages that take weak ones along.

Promises: income is net of costs, subsidies stand apart; an income of a joint project counts once, shared by agreement
to the fen; nothing recorded is changed, only reversed. Villages are those of the room places.
"""
