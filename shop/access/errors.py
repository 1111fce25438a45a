"""Why access is refused."""

from shop.kit.errors import DomainError, ForbiddenError, NotFoundError

__all__ = ["ForbiddenError", "LoginTaken", "NotFoundError", "PhoneNotValid", "SignInRefused", "TooManyAttempts"]


class SignInRefused(DomainError):
    """Wrong login or wrong password: never said which."""

    code = "sign-in-refused"
    status = 401
    title_zh, title_en = "登录失败", "Sign-in refused"
    zh = "账号或密码不对。"
    en = "Login or password is wrong."


class LoginTaken(DomainError):
    """Another person signs in with this name or phone."""

    code = "login-taken"
    title_zh, title_en = "账号已被使用", "Login taken"
    zh = "该账号或手机号已被使用。"
    en = "This login or phone is in use."


class PhoneNotValid(DomainError):
    """Not a mobile number of mainland China."""

    code = "phone-not-valid"
    status = 422
    title_zh, title_en = "手机号无效", "Phone not valid"
    zh = "请填写有效的手机号。"
    en = "Give a valid mobile number."


class TooManyAttempts(DomainError):
    """Too many sign-ins of one account or from one address; the window ends by itself, so no lock-out lasts."""

    code = "too-many-attempts"
    status = 429
    title_zh, title_en = "登录过于频繁", "Too many attempts"
    zh = "登录次数过多，请 {retry_after_s} 秒后再试。"
    en = "Too many sign-ins; try again in {retry_after_s} seconds."
