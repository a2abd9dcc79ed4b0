"""The little pictures of WeChat, which come as text: "[微笑]", "[Smile]" or "/::)".

They say nothing about a problem, so whoever reads what a message is about reads it without them. Strict: brackets round
anything else ("[三楼]", "[图片]") are words of the person or of the platform.
"""

import re

YES, SMILE = "👍", "🙂"
"""What stands for one that agrees or thanks, and for any other."""
LONGEST = 600
"""Characters of a text that may be nothing but little pictures; a longer one is not looked at."""
_YES = frozenset(
    """强 抱拳 合十 握手 鼓掌 玫瑰 好的 爱心 拥抱 胜利 OK ThumbsUp Salute Worship Shake Clap Rose Heart Hug Peace Fist
    /:strong /:share /:v /:ok /:rose /:heart /:handclap /:hug /:@)""".split()
)
_OTHERS = frozenset(
    """微笑 撇嘴 色 发呆 得意 流泪 害羞 闭嘴 睡 大哭 尴尬 发怒 调皮 呲牙 惊讶 难过 囧 抓狂 吐 偷笑 愉快 可爱 白眼 傲慢 饥饿 困 惊恐 流汗 憨笑 悠闲 大兵 奋斗 咒骂 疑问 嘘 晕
    折磨 衰 骷髅 敲打 再见 擦汗 抠鼻 糗大了 坏笑 左哼哼 右哼哼 哈欠 鄙视 委屈 快哭了 阴险 亲亲 吓 可怜 笑脸 生病 脸红 破涕为笑 恐惧 失望 无语 嘿哈 捂脸 奸笑 机智 皱眉 耶
    吃瓜 加油 加油加油 汗 天啊 社会社会 旺柴 打脸 哇 翻白眼 666 让我看看 叹气 苦涩 裂开 嘴唇 心碎 弱 勾引 拳头 啤酒 咖啡 饭 蛋糕 西瓜 凋谢 枯萎 菜刀 炸弹 便便 月亮 太阳 庆祝 礼物
    红包 發 福 烟花 爆竹 猪头 猪 跳跳 发抖 转圈 怄火 动画表情
    Smile Grimace Drool Scowl CoolGuy Sob Shy Silent Sleep Cry Awkward Angry Tongue Grin Surprise Frown Blush Scream Puke Chuckle Joyful Slight Smug Drowsy Panic Laugh
    Commando Scold Shocked Shhh Dizzy Toasted Skull Hammer Bye Wave Speechless NosePick Trick Whimper Puling Sly Kiss Wrecked Happy Sick Flushed Lol Terror LetDown Duh
    Hey Facepalm Smirk Smart Concerned Yeah! Onlooker GoForIt Sweats OMG Emm Respect Doge NoProb MyBad KeepFighting Wow Rich Broken Hurt Sigh LetMeSee Awesome Boring
    Lips BrokenHeart ThumbsDown Beckon Cleaver Bomb Poop Moon Sun Gift Packet Wilt Beer Coffee Cake Pig Waddle Tremble Twirl Party Fireworks Firecracker
    /::) /::~ /::B /::| /:8-) /::< /::$ /::X /::Z /::'( /::-| /::@ /::P /::D /::O /::( /::+ /:--b /::Q /::T /:,@P /:,@-D /::d /:,@o /::g /:|-) /::! /::L /::> /::,@ /:,@f /::-S
    /:? /:,@x /:,@@ /::8 /:,@! /:!!! /:xx /:bye /:wipe /:dig /:&-( /:B-) /:<@ /:@> /::-O /:>-| /:P-( /::'| /:X-) /::* /:@x /:8* /:pd /:<W> /:beer /:basketb /:oo /:coffee /:eat
    /:pig /:fade /:showlove /:break /:cake /:li /:bome /:kn /:footb /:ladybug /:shit /:moon /:sun /:gift /:weak /:jj /:@@ /:bad /:lvu /:no /:love /:<L> /:jump /:shake /:<O>
    /:circle /:kotow /:turn /:skip /:oY""".split()
)  # fmt: skip
_BARE = [name for name in _YES | _OTHERS if name.startswith("/:")]
_NAMED = {name.lower() for name in _YES | _OTHERS if not name.startswith("/:")}
_AGREES = {name.lower() for name in _YES}
_MARK = re.compile(r"\[([^\[\]\s]{1,12})\]|" + "|".join(re.escape(name) for name in sorted(_BARE, key=len, reverse=True)))


def plain(text: str) -> str:
    """The text with one sign for each little picture."""
    if len(text) > LONGEST or ("[" not in text and "/:" not in text):
        return text
    return _MARK.sub(_sign, text)


def _sign(found: re.Match[str]) -> str:
    name = (found[1] or found[0]).lower()
    if found[1] and name not in _NAMED:
        return found[0]
    return YES if name in _AGREES else SMILE
