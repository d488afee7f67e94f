"""What a user does on the Cockpit page: a line "pass WHAT" for each check that holds. Usage: page.py small|odd|large URL AXE FOLDER"""

import json
import os
import subprocess
import sys
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from selenium.common.exceptions import StaleElementReferenceException

SESSION, URL, AXE, SHOTS = sys.argv[1:]
LAB = os.environ["XENVGPU_LAB_DIR"]


def check(holds, what):
    print("pass" if holds else "fail", what, flush=True)


def within(seconds, what, holds):
    """Until it holds; an element that was drawn anew meanwhile is looked for again."""
    end = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return check(True, what)
        except Exception:  # pylint: disable=broad-except  # stale or absent: not yet
            pass
        if time.monotonic() > end:
            return check(False, f"{what} (not within {seconds} s)")
        time.sleep(0.1)


def open_browser():
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


page = open_browser()


def size(width, height):
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                         {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})


def dark(is_dark):
    page.execute_cdp_cmd("Emulation.setEmulatedMedia",
                         {"features": [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]})
    time.sleep(0.3)


def shot(name):
    page.save_screenshot(f"{SHOTS}/page-{name}.png")


def text(css):
    return page.find_element(By.CSS_SELECTOR, css).text


def row(name):
    return next(each for each in page.find_elements(By.CSS_SELECTOR, "#vms tbody tr")
                if each.find_element(By.CSS_SELECTOR, "td").text == name)


def press_in(part, words, what):
    """The button with these words in what part() finds: it may be drawn anew meanwhile, whenever the pool changes."""
    for _ in range(50):
        try:
            next(each for each in part().find_elements(By.TAG_NAME, "button") if each.text == words).click()
            return
        except (StaleElementReferenceException, StopIteration):
            time.sleep(0.1)
    check(False, what)


def press(name, action):
    press_in(lambda: row(name), action, f"{name} has the action {action}")


def dialog():
    return page.find_element(By.TAG_NAME, "dialog")


def no_dialog():
    return not page.find_elements(By.TAG_NAME, "dialog")


def dialog_button(words):
    end = time.monotonic() + 5
    while True:
        for each in dialog().find_elements(By.TAG_NAME, "button"):
            if words in each.text:
                return each
        if time.monotonic() > end:
            raise RuntimeError(f"The dialog has no button {words!r}: {dialog().text}")
        time.sleep(0.1)


def judge(what):
    """axe: what a screen reader, a keyboard, or weak eyes would stumble over."""
    with open(AXE, encoding="utf-8") as file:
        page.execute_script(file.read())
    found = page.execute_async_script("const done = arguments[0]; axe.run().then(r => done(r.violations))")
    for each in found:
        print("#", each["id"], each["help"], json.dumps([node["target"] for node in each["nodes"]][:3]), file=sys.stderr)
    check(not found, f"{what}: axe finds nothing ({', '.join(each['id'] for each in found)})")


def fits(what):
    over = page.execute_script("return document.scrollingElement.scrollWidth - document.documentElement.clientWidth")
    check(over <= 0, f"{what}: nothing is cut off or scrolls sideways ({over} px)")


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def make_vm():
    page.find_element(By.ID, "new-vm").send_keys(Keys.ENTER)
    within(5, "Enter on New VM opens a dialog, its first field has the focus",
           lambda: page.switch_to.active_element.get_attribute("id") == "new-name")
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    within(5, "Escape closes it, the focus goes back", lambda: no_dialog() and page.switch_to.active_element.get_attribute("id") == "new-vm")
    page.find_element(By.ID, "new-vm").click()
    page.find_element(By.ID, "new-name").send_keys("bureau-é")
    Select(page.find_element(By.ID, "new-group")).select_by_visible_text("Group of NVIDIA Corporation GK107GL [GRID K1] GPUs")
    Select(page.find_element(By.ID, "new-type")).select_by_visible_text("GRID K100")
    judge("the form")
    dialog_button("Create and start").click()
    within(20, "a VM is made and runs", lambda: no_dialog() and "running" in row("bureau-é").text)
    within(5, "it stands on its board", lambda: "bureau-é" in text("#boards"))
    bar = next(each for each in page.find_elements(By.CSS_SELECTOR, ".board-bar") if "bureau-é" in each.text)
    check(bar.aria_role in ("img", "image") and "GRID K100, 1 of 8: bureau-é" in bar.accessible_name, "which says so to a screen reader")


def refusals():
    press("whole-3", "Start")
    within(10, "a refused start says why", lambda: "VM 'whole-3' cannot start: passthrough needs a PGPU" in dialog().text)
    check("Shut down VM whole-1" in dialog().text and "gamma" in dialog().text, "what would help is a button, and each host has its answer")
    judge("the refusal")
    shot("refusal")
    dialog_button("Shut down VM whole-1").click()
    within(20, "it is carried out and the VM starts", lambda: no_dialog() and "running" in row("whole-3").text and "halted" in row("whole-1").text)
    run("xenvgpu", "vm-shutdown", "uuid=bureau-é", "force=true")
    within(10, "what others do is seen", lambda: "halted" in row("bureau-é").text)
    pgpus = subprocess.run(["xenvgpu", "pgpu-list", "host-name-label=alpha", "--minimal"], check=True, capture_output=True, text=True).stdout.strip()
    for pgpu in pgpus.split(","):
        run("xenvgpu", "pgpu-param-remove", f"uuid={pgpu}", "param-name=enabled-VGPU-types", "param-key=GRID K100")
    press("bureau-é", "Start")
    within(10, "a type that is not enabled", lambda: dialog_button("Enable GRID K100 on alpha/").is_displayed())
    dialog_button("Enable GRID K100 on alpha/").click()
    within(20, "is enabled by the button, and the VM starts", lambda: no_dialog() and "running" in row("bureau-é").text)


def advice():
    press_in(lambda: next(each for each in page.find_elements(By.CSS_SELECTOR, ".host") if each.text.startswith("beta")),
             "If it failed…", "a host has a button for its failure")
    within(10, "what a host's failure would cost", lambda: "whole-2" in dialog().text and "nowhere" in dialog().text)
    dialog_button("Close").click()
    press_in(lambda: page.find_element(By.ID, "capacity"), "Plan…", "a type has a button for a plan")
    within(10, "the plan for a PGPU", lambda: "PGPU" in dialog().text and len(dialog().text) > 60)
    dialog_button("Close").click()
    run("xenvgpu-lab", "fault", LAB, "alpha", "emulator=slow=4000")
    press("bureau-é", "Force off")
    within(10, "off", lambda: "halted" in row("bureau-é").text)
    press("bureau-é", "Start")
    within(10, "a job shows how far it is", lambda: page.find_element(By.CSS_SELECTOR, "#jobs [role=progressbar]").is_displayed())
    run("xenvgpu-lab", "fault", LAB, "alpha", "emulator=off")
    within(20, "the VM runs", lambda: "running" in row("bureau-é").text)
    within(20, "and the job is done", lambda: "done start bureau-é" in text("#jobs").replace("\n", " "))
    within(5, "a screen reader hears it", lambda: "start of bureau-é: done" in page.execute_script("return document.getElementById('heard').textContent"))


def away():
    run("xenvgpu-lab", "policyd-kill", LAB)
    within(10, "policyd is away: the page says so", lambda: "xenvgpu-policyd does not answer" in text("#state"))
    run("xenvgpu-lab", "policyd-start", LAB)
    within(20, "and goes on by itself", lambda: "3 of 3 hosts online" in text("#summary") and "running" in row("bureau-é").text)
    run("xenvgpu-lab", "fault", LAB, "gamma", "link=cut")
    within(20, "a host that is lost is seen, with the reason",
           lambda: any("gamma" in each.text and "offline" in each.text and len(each.find_elements(By.CSS_SELECTOR, ".pf-c-alert")) == 1
                       for each in page.find_elements(By.CSS_SELECTOR, ".host")))
    run("xenvgpu-lab", "fault", LAB, "gamma", "link=restore")


def looks():
    page.execute_script("scrollTo(0, 0)")
    dark(False)
    judge("light")
    shot("light")
    dark(True)
    within(5, "dark as the shell", lambda: "pf-theme-dark" in page.find_element(By.TAG_NAME, "html").get_attribute("class"))
    judge("dark")
    shot("dark")
    dark(False)
    size(320, 800)
    page.execute_script("scrollTo(0, 0)")
    time.sleep(0.5)
    fits("320 px")
    judge("320 px")
    shot("320")
    press("whole-1", "Where?")
    within(10, "a dialog at 320 px", lambda: dialog().is_displayed())
    fits("the dialog at 320 px")
    dialog_button("Close").click()
    size(1280, 1000)


def small():
    page.get(URL)
    within(20, "the pool is there", lambda: text("#summary") == "3 of 3 hosts online, 6 PGPUs, 2 of 3 VMs running")
    within(10, "and what still fits", lambda: "32 of 32 free" in text("#capacity") and "0 of 2 free" in text("#capacity"))
    make_vm()
    refusals()
    advice()
    looks()
    away()
    bad = [each["message"] for each in page.get_log("browser") if each["level"] == "SEVERE" and "favicon" not in each["message"]]
    check(not bad, f"the browser has no error to tell ({bad[:2]})")


def grab_pool():
    """The page's pool as window.pool; its modules hide it."""
    page.execute_async_script("""
        const done = arguments[0];
        import("./pool.js").then(({ Pool }) => {
            const all = Pool.prototype.all;
            Pool.prototype.all = function (name) { window.pool = this; return all.call(this, name) };
            const look = () => {
                document.getElementById("vm-filter").dispatchEvent(new Event("input"));
                window.pool ? done() : setTimeout(look, 100);
            };
            look();
        })""")


def odd():
    """What does not happen each day: no rights, objects that the page does not show, a policyd that is not there yet."""
    page.get(URL)
    within(20, "the pool is there", lambda: text("#summary").startswith("3 of 3 hosts online"))
    grab_pool()
    name = 'odd <img src=x onerror="bad()"> & \'"\\'
    run("xenvgpu", "vm-create", f"name-label={name}", "memory=256MiB", "vcpus=1")
    within(10, "a name is text", lambda: row(name).is_displayed() and not page.find_elements(By.CSS_SELECTOR, "#vms img"))
    page.execute_script("""
        const real = pool.client.call;
        pool.client.call = (path, iface, method, args) => method !== "Start" ? real(path, iface, method, args) : Promise.reject(
            { name: "org.freedesktop.DBus.Error.AccessDenied", message: "Sender is not authorized to send message" })""")
    press(name, "Start")
    within(10, "a start without rights says so", lambda: "administrative access" in dialog().text)
    dialog_button("Close").click()
    page.execute_script("""
        pool.load();
        for (const name of ["quota", "reservation", "vm_group"])
            pool.hear("/org/xenvgpu/Policy1/" + name + "/_1", "org.freedesktop.DBus.Properties", "PropertiesChanged", ["", {}, []])""")
    within(10, "a reservation that changes while the page loads", lambda: page.execute_script("return pool.state") == "ready")
    time.sleep(1)  # what was read is drawn
    page.execute_script("document.querySelector('.host').kept = true")
    press(name, "Remove")
    run("xenvgpu", "vm-destroy", f"uuid={name}")
    dialog_button("Remove").click()
    within(10, "a VM that went while its dialog was open", lambda: "There is no object" in dialog().text)
    dialog_button("Cancel").click()
    check(page.execute_script("return document.querySelector('.host').kept"), "its end draws no board anew")
    run("xenvgpu-lab", "policyd-kill", LAB)
    page.get(URL)
    within(20, "a page that is opened without policyd says so", lambda: "xenvgpu-policyd does not answer" in text("#state"))
    run("xenvgpu-lab", "policyd-start", LAB)
    within(30, "and goes on by itself, too", lambda: text("#summary").startswith("3 of 3 hosts online"))


def large():
    page.get(URL)
    within(60, "64 hosts are there", lambda: text("#summary").startswith("64 of 64 hosts online, 1024 PGPUs"))
    within(20, "folded, with a page of VMs", lambda: len(page.find_elements(By.CSS_SELECTOR, ".host:not([open])")) == 64
           and len(page.find_elements(By.CSS_SELECTOR, "#vms tbody tr")) == 50)
    shot("64-hosts")
    page.find_element(By.CSS_SELECTOR, ".host summary").click()
    within(5, "a host unfolds", lambda: len(page.find_elements(By.CSS_SELECTOR, ".host[open] .board-row")) == 16)
    page.find_element(By.ID, "vm-filter").send_keys("7")
    within(5, "a filter", lambda: all("7" in each.text for each in page.find_elements(By.CSS_SELECTOR, "#vms tbody td:first-child")))
    name = page.find_element(By.CSS_SELECTOR, "#vms tbody td:first-child").text
    press(name, "Force off")
    within(20, "a VM ends", lambda: "halted" in row(name).text)
    press(name, "Start")
    within(20, "and starts", lambda: "running" in row(name).text)
    size(320, 800)
    fits("64 hosts at 320 px")
    slow = page.execute_async_script("""
        const done = arguments[0], times = [];
        let before = performance.now();
        const tick = now => { times.push(now - before); before = now; times.length < 60 ? requestAnimationFrame(tick) : done(Math.max(...times)) };
        requestAnimationFrame(tick)""")
    print(f"# longest of 60 frames: {slow:.0f} ms", file=sys.stderr)


try:
    {"small": small, "odd": odd, "large": large}[SESSION]()
    print("pass to the end")
finally:
    page.quit()
