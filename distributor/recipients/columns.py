"""The columns of a file of contacts: which titles stand for which field."""

COLUMNS = {
    "unit": ("unit", "单位", "单位名称"),
    "name": ("name", "contact", "联系人", "姓名"),
    "email": ("email", "e-mail", "邮箱", "电子邮箱", "电子邮件"),
    "role": ("role", "职责", "角色"),
    "salutation": ("salutation", "称呼"),
    "disabled": ("disabled", "停用", "停用原因"),
    "phone": ("phone", "tel", "电话", "联系电话", "手机"),
    "note": ("note", "备注"),
    "audience": ("分组",),
}
"""The titles of an include. Letters in any case; nothing else may stand there."""

REQUIRED = ("unit", "name", "email")

TITLES = {field: next(title for title in titles if not title.isascii()) for field, titles in COLUMNS.items()}
"""How messages name a field's column, and how it is written."""
