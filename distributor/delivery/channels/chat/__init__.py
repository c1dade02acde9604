"""Chat: ``robots`` posts to the group robots of WeCom, DingTalk, Feishu and Lark, ``apprise`` to everything else."""
