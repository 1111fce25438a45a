"""Live sessions, 直播网销: who sells live, what lies on the shelf at which price, what it sold and who earned what.

Promises: a session sells only what the county reviewed, by a host whose identity was checked and who is 16 or older;
what was set aside and not sold is back in open stock at the end, also when the host forgets to end it; who changed a
price or a stock while live stands in the history; the recording's reference is kept for three years.
"""
