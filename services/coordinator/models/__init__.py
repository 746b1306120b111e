"""Models: what turns a conversation into words and tool calls, behind one port."""
