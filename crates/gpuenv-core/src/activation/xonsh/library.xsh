def _gpuenv_library(data):
    from xonsh.built_ins import XSH
    from xonsh.tools import unthreadable
    import os, re, sys
    env = XSH.env
    tag = data["tag"]
    def value(name):
        return env.detype().get(name)
    def unset(name):
        if value(name) is not None:
            del env[name]
    # xonsh keeps lists of directories as lists, and writes some of them differently.
    def carried(name, text):
        try:
            return env.get_detyper(name)(env.get_converter(name)(text))
        except Exception:
            return text
    def level_of(text, longest):
        fits = re.fullmatch("0|[1-9][0-9]{0,%d}" % (longest - 1), text or "")
        return int(text) if fits else None
    def last(name):
        return (value(name) or "").rpartition(":")[2]
    def push(name, element):
        env[name] = (value(name) + ":" if value(name) else "") + element
    def pop(name):
        rest, colon, _ = (value(name) or "").rpartition(":")
        if colon:
            env[name] = rest
        else:
            unset(name)
    def change(memory, name, new):
        old = value(name)
        env[memory + name] = "u" if old is None else "s" + old
        env[name] = new
    def restore(name, saved):
        if saved.startswith("s"):
            env[name] = saved[1:]
        else:
            unset(name)
    def forget(memory, name):
        saved = value(memory + name)
        unset(memory + name)
        return saved
    def change_back(memory, name, new):
        saved = forget(memory, name)
        if saved is not None and value(name) in (new, carried(name, new)):
            restore(name, saved)
    def framed(text, separator):
        return separator + text + separator
    def joined(block, text, separator):
        return block + separator + text if text else block
    def apply(memory, again, edit):
        kind, name, new, separator = edit
        current = value(name)
        if kind == "set":
            if not again or current not in (new, carried(name, new)):
                change(memory, name, new)
        elif not again or framed(new, separator) not in framed(current or "", separator):
            change(memory, name, joined(new, current or "", separator))
    def undo(memory, edit):
        kind, name, new, separator = edit
        if kind == "set":
            return change_back(memory, name, new)
        saved = forget(memory, name)
        current = value(name)
        if saved is None or current is None:
            return
        whole = joined(new, saved[1:], separator)
        head, found, tail = framed(current, separator).partition(framed(new, separator))
        if current in (whole, carried(name, whole)):
            restore(name, saved)
        elif found:
            rest = head + separator + tail
            rest = rest[len(separator):]
            if rest.endswith(separator):
                rest = rest[:-len(separator)]
            restore(name, "u" if not rest and saved == "u" else "s" + rest)
    def own():
        level = str(level_of(value("CONDA_SHLVL"), 3) or 0)
        levels = "GPUENV_LEVELS_" + tag
        again = last(levels) == level
        if not again:
            push(levels, level)
        for edit in data["own"]:
            apply("GPUENV_OWN_%s_%s_" % (tag, level), again, edit)
    def disown():
        levels = "GPUENV_LEVELS_" + tag
        level = last(levels)
        if level_of(level, 4) is None:
            unset(levels)
            return
        pop(levels)
        for edit in reversed(data["own"]):
            undo("GPUENV_OWN_%s_%s_" % (tag, level), edit)
    def source(paths):
        for path in paths:
            if os.access(path, os.R_OK):
                XSH.aliases["source"]([path])
    def on():
        below = level_of(value("CONDA_SHLVL"), 3) or 0
        top = "%s_%d" % (tag, below)
        again = last("GPUENV_STACK") == top and value("CONDA_PREFIX") == data["prefix"]
        level = below if again else below + 1
        memory = "GPUENV_USUAL_%s_%d_" % (tag, level)
        if not again:
            push("GPUENV_STACK", "%s_%d" % (tag, level))
            prefix = value("CONDA_PREFIX")
            change(memory, "CONDA_SHLVL", str(level))
            if below and prefix is not None:
                change(memory, "CONDA_PREFIX_%d" % below, prefix)
                change(memory, "CONDA_STACKED_%d" % level, "true")
        for edit in data["usual"]:
            apply(memory, again, edit)
        if not again:
            source(data["activate"])
        if data["own"]:
            own()
    def off():
        found = re.fullmatch("%s_([1-9][0-9]{0,3})" % tag, last("GPUENV_STACK"))
        if not found:
            return
        level = int(found[1])
        if data["own"]:
            disown()
        source(data["deactivate"])
        memory = "GPUENV_USUAL_%s_%d_" % (tag, level)
        for edit in reversed(data["usual"]):
            undo(memory, edit)
        change_back(memory, "CONDA_STACKED_%d" % level, "true")
        change_back(memory, "CONDA_PREFIX_%d" % (level - 1), value("CONDA_PREFIX") or "")
        change_back(memory, "CONDA_SHLVL", str(level))
        pop("GPUENV_STACK")
    offs = getattr(XSH.aliases.get("gpuenv_deactivate"), "offs", None)
    offs = {} if offs is None else offs
    def tidy():
        live = [entry.partition("_")[0] for entry in (value("GPUENV_STACK") or "").split(":")]
        for gone in [one for one in offs if one not in live]:
            del offs[gone]
        if not offs:
            XSH.aliases.pop("gpuenv_deactivate", None)
    @unthreadable
    def deactivate(arguments=None, stdin=None):
        undo_last = offs.get(last("GPUENV_STACK").partition("_")[0])
        if undo_last is None:
            sys.stderr.write("gpuenv: this shell has not activated an environment\n")
            return 1
        undo_last()
        tidy()
        return 0
    def hook():
        on()
        offs[tag] = off
        deactivate.offs = offs
        XSH.aliases["gpuenv_deactivate"] = deactivate
    def unhook():
        if last("GPUENV_STACK").startswith(tag + "_"):
            off()
        elif ":%s_" % tag in ":" + (value("GPUENV_STACK") or ""):
            sys.stderr.write("gpuenv: deactivate the environment above it first\n")
        tidy()
    return {"own": own, "disown": disown, "hook": hook, "unhook": unhook}
