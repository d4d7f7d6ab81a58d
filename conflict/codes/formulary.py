"""The drugs that a medic's record names: RxNorm names, what else people write, classes. Data only.

RxNorm names and codes are NLM's and in the public domain (NOTICE). A code is `verified` where it
was read in a named source; the others are from memory or tagged [G] in CLINICAL.md §2, stand here
for whoever checks them, and are never emitted. Names of salts and forms need no entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from conflict.codes.dose_ranges import DoseRange, ranges_of


class RxCui(NamedTuple):
    """An RxNorm concept; only a verified one may leave the node."""

    code: str
    verified: bool


class Product(NamedTuple):
    """A drug in one strength ("50 mg/mL"). Any of `forms` must be named too, where there are any."""

    strength: str
    forms: tuple[str, ...]
    rxcui: RxCui


class Drug(NamedTuple):
    """One ingredient, or a fixed combination of `ingredients` (names of other drugs)."""

    name: str
    synonyms: tuple[str, ...]
    rxcui: RxCui | None
    classes: tuple[str, ...]
    ingredients: tuple[str, ...]
    products: tuple[Product, ...]
    doses: tuple[DoseRange, ...]


# Read as "RxNorm:<code> <name>" in the drug table of CPIC (Clinical Pharmacogenetics Implementation
# Consortium, repository cpicpgx/cpic-data). It also has fentanyl, meloxicam, morphine, moxifloxacin,
# naloxone and ondansetron as they stand below; CLINICAL.md still tags those [G].
_READ = frozenset((
    "435", "1191", "2393", "2551", "2670", "3322", "3355", "3423", "4053", "5521", "5640", "5781",
    "6387", "6694", "6813", "6915", "6960", "7258", "7646", "7804", "8687", "10154", "10171",
    "10689", "10831", "30125", "56795", "73032", "82122", "140587", "2054023",
))  # fmt: skip


def _product(strength: str, code: str, *forms: str) -> Product:
    """Product codes were read in openFDA's NDC directory and CDC's opioid value set."""
    return Product(strength, forms, RxCui(code, verified=True))


_PRODUCTS: dict[str, tuple[Product, ...]] = {
    "ketamine": (
        _product("10 mg/mL", "238082"),
        _product("50 mg/mL", "238084"),
        _product("100 mg/mL", "238083"),
    ),
    "tranexamic acid": (_product("100 mg/mL", "238720"), _product("10 mg/mL", "2170286")),
    "fentanyl": (
        _product("600 ug", "313992", "lozenge", "otfc"),
        _product("800 ug", "313993", "lozenge", "otfc"),
        _product("50 ug/mL", "1735003"),
    ),
    "ertapenem": (_product("1 g", "1734683", "vial", "inj", "injection"),),
    "moxifloxacin": (_product("400 mg", "311787", "tab", "tabs", "tablet", "tablets"),),
    "calcium chloride": (
        _product("100 mg/mL", "828527", "syringe"),
        _product("100 mg/mL", "828525", "vial"),
    ),
    "acetaminophen": (_product("500 mg", "198440", "tab", "tabs", "tablet", "tablets"),),
    "ondansetron": (_product("2 mg/mL", "1740467"),),
    "epinephrine": (_product("1 mg/mL", "1660014"),),
}


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _drug(name: str, code: str = "", classes: str = "", also: str = "", of: str = "") -> Drug:
    """`code` "" where not known; `classes`, `also` (other names), `of` (ingredients) by commas."""
    rxcui = RxCui(code, verified=code in _READ) if code else None
    products = _PRODUCTS.get(name, ())
    return Drug(
        name, _listed(also), rxcui, _listed(classes), _listed(of), products, ranges_of(name)
    )


_ANALGESIA = (
    _drug("ketamine", "6130", also="ketalar"),
    _drug("fentanyl", "4337", "phenylpiperidines", "otfc, actiq, sublimaze, fent"),
    _drug("sufentanil", "56795", "phenylpiperidines", "dsuvia"),
    _drug("remifentanil", "73032", "phenylpiperidines"),
    _drug("meperidine", "", "phenylpiperidines", "pethidine, demerol"),
    _drug("morphine", "7052", "phenanthrenes", "mso4"),
    _drug("hydromorphone", "3423", "phenanthrenes", "dilaudid"),
    _drug("codeine", "2670", "phenanthrenes"),
    _drug("oxycodone", "7804", "phenanthrenes", "roxicodone, oxycontin"),
    _drug("hydrocodone", "", "phenanthrenes"),
    _drug("buprenorphine", "", "phenanthrenes"),
    _drug("nalbuphine", "", "phenanthrenes"),
    _drug("methadone", "6813", "diphenylheptanes"),
    _drug("tramadol", "10689", "phenylpropylamines", "ultram"),
    _drug("naloxone", "7242", also="narcan, zimhi, kloxxado"),
    _drug("acetaminophen", "161", also="paracetamol, tylenol, ofirmev, apap"),
    _drug("ibuprofen", "5640", "nsaids", "motrin, advil"),
    _drug("naproxen", "7258", "nsaids", "naprosyn, aleve"),
    _drug("meloxicam", "41493", "nsaids", "mobic"),
    _drug("ketorolac", "35827", "nsaids", "toradol"),
    _drug("diclofenac", "3355", "nsaids", "voltaren"),
    _drug("indomethacin", "5781", "nsaids", "indocin, indometacin"),
    _drug("celecoxib", "140587", "coxibs", "celebrex"),
    _drug("aspirin", "1191", "salicylates", "acetylsalicylic acid, asa"),
    _drug("lidocaine", "6387", "amide-anaesthetics", "lignocaine, xylocaine"),
    _drug("bupivacaine", "", "amide-anaesthetics", "marcaine"),
    _drug("ropivacaine", "", "amide-anaesthetics"),
    _drug("chloroprocaine", "", "ester-anaesthetics"),
    _drug("procaine", "", "ester-anaesthetics", "novocaine, novocain"),
    _drug("tetracaine", "", "ester-anaesthetics"),
    _drug("benzocaine", "", "ester-anaesthetics"),
)

_RESUSCITATION = (
    _drug("tranexamic acid", "10691", also="txa, tranexamic, cyklokapron"),
    _drug("calcium chloride", "1901", also="cacl, cacl2, ca chloride"),
    _drug("calcium gluconate", "1908", also="ca gluconate"),
    _drug("epinephrine", "3992", also="adrenaline, epi, epipen"),
    _drug("norepinephrine", "7512", also="noradrenaline, levophed"),
    _drug("vasopressin", "11149"),
    _drug("atropine", "1223"),
    _drug("pralidoxime", also="2 pam, 2pam, protopam"),
    _drug("hydroxocobalamin", also="cyanokit"),
    _drug("midazolam", "6960", "benzodiazepines", "versed, seizalam"),
    _drug("diazepam", "3322", "benzodiazepines", "valium, cana"),
    _drug("lorazepam", "6470", "benzodiazepines", "ativan"),
    _drug("propofol", "8782", also="diprivan"),
    _drug("etomidate"),
    _drug("succinylcholine", "10154", also="suxamethonium, anectine"),
    _drug("rocuronium", also="zemuron"),
    _drug("ondansetron", "26225", "setrons", "zofran"),
    _drug("granisetron", "", "setrons"),
    _drug("promethazine", "8745", "phenothiazines", "phenergan"),
    _drug("prochlorperazine", "", "phenothiazines", "compazine"),
    _drug("metoclopramide", "6915", also="reglan"),
    _drug("haloperidol", "5093", also="haldol"),
    _drug("dexamethasone", "3264", "corticosteroids", "decadron"),
    _drug("methylprednisolone", "6902", "corticosteroids", "solu medrol, medrol"),
    _drug("prednisone", "8640", "corticosteroids"),
    _drug("hydrocortisone", "5492", "corticosteroids", "solu cortef"),
    _drug("levetiracetam", also="keppra"),
    _drug("heparin", "5224", "heparins"),
    _drug("enoxaparin", "67108", "heparins", "lovenox"),
)

_INFECTION = (
    _drug("penicillin", "", "penicillins", "pcn"),
    _drug("penicillin V", "7984", "penicillins", "pen vk, penicillin vk"),
    _drug("penicillin G", "7980", "penicillins", "bicillin, benzylpenicillin"),
    _drug("amoxicillin", "723", "penicillins, aminopenicillins", "amoxil, amoxycillin"),
    _drug("ampicillin", "733", "penicillins, aminopenicillins"),
    _drug("clavulanate", "", "", "clavulanic acid"),
    _drug("sulbactam"),
    _drug("tazobactam"),
    _drug("piperacillin", "8339", "penicillins"),
    _drug(
        "amoxicillin-clavulanate",
        "19711",
        "penicillins, aminopenicillins",
        "augmentin, co amoxiclav, amox clav",
        "amoxicillin, clavulanate",
    ),
    _drug(
        "ampicillin-sulbactam",
        "",
        "penicillins, aminopenicillins",
        "unasyn",
        "ampicillin, sulbactam",
    ),
    _drug("piperacillin-tazobactam", "", "penicillins", "zosyn", "piperacillin, tazobactam"),
    _drug("cefazolin", "2180", "cephalosporins", "ancef, kefzol"),
    _drug("ceftriaxone", "2193", "cephalosporins", "rocephin"),
    _drug("cefepime", "", "cephalosporins"),
    _drug("cephalexin", "2231", "cephalosporins, aminocephalosporins", "keflex, cefalexin"),
    _drug("cefadroxil", "", "cephalosporins, aminocephalosporins"),
    _drug("cefaclor", "", "cephalosporins, aminocephalosporins"),
    _drug("ertapenem", "325642", "carbapenems", "invanz"),
    _drug("meropenem", "", "carbapenems", "merrem"),
    _drug("imipenem", "", "carbapenems"),
    _drug("moxifloxacin", "139462", "fluoroquinolones", "avelox, moxi"),
    _drug("levofloxacin", "82122", "fluoroquinolones", "levaquin"),
    _drug("ciprofloxacin", "2551", "fluoroquinolones", "cipro"),
    _drug("azithromycin", "18631", "macrolides", "zithromax, z pak, z pack, zpak"),
    _drug("erythromycin", "4053", "macrolides"),
    _drug("clarithromycin", "", "macrolides"),
    _drug("sulfamethoxazole", "10180", "sulfonamides", "sulphamethoxazole, smx"),
    _drug("trimethoprim", "10829", also="tmp"),
    _drug(
        "sulfamethoxazole-trimethoprim",
        "10831",
        "sulfonamides",
        "bactrim, septra, cotrimoxazole, co trimoxazole, smx tmp, tmp smx, smz tmp, tmp smz",
        "sulfamethoxazole, trimethoprim",
    ),
    _drug("sulfadiazine", "10171", "sulfonamides", "silvadene, silver sulfadiazine"),
    _drug("doxycycline", "3640", "tetracyclines", "doxy, vibramycin"),
    _drug("minocycline", "", "tetracyclines"),
    _drug("tetracycline", "", "tetracyclines"),
    _drug("clindamycin", "2582", "lincosamides", "cleocin"),
    _drug("metronidazole", "6922", "nitroimidazoles", "flagyl"),
    _drug("tinidazole", "", "nitroimidazoles"),
    _drug("gentamicin", "", "aminoglycosides", "gentamycin"),
    _drug("tobramycin", "", "aminoglycosides"),
    _drug("vancomycin", "11124", "glycopeptides", "vanc"),
    _drug("mefloquine", "6694", also="lariam"),
    _drug("atovaquone"),
    _drug("proguanil"),
    _drug("atovaquone-proguanil", also="malarone", of="atovaquone, proguanil"),
    _drug("primaquine", "8687", "8-aminoquinolines"),
    _drug("tafenoquine", "2054023", "8-aminoquinolines", "arakoda, krintafel"),
    _drug("chloroquine", "2393", "4-aminoquinolines"),
    _drug("hydroxychloroquine", "5521", "4-aminoquinolines", "plaquenil"),
)

_SICK_CALL = (
    _drug("diphenhydramine", "3498", also="benadryl"),
    _drug("loratadine", "28889", also="claritin"),
    _drug("cetirizine", "20610", also="zyrtec"),
    _drug("albuterol", "435", also="salbutamol, ventolin, proventil"),
    _drug("ipratropium", also="atrovent"),
    _drug("omeprazole", "7646", also="prilosec"),
    _drug("famotidine", also="pepcid"),
    _drug("loperamide", "6468", also="imodium"),
    _drug("pseudoephedrine", "8896", also="sudafed"),
    _drug("modafinil", "30125", also="provigil"),
    _drug("oseltamivir", also="tamiflu"),
)

DRUGS: Mapping[str, Drug] = {
    one.name: one for one in (*_ANALGESIA, *_RESUSCITATION, *_INFECTION, *_SICK_CALL)
}

PACKS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "combat pill pack",
            "pill pack",
            "combat wound pill pack",
            "combat wound medication pack",
            "wound medication pack",
            "cwmp",
        ),
        ("moxifloxacin", "acetaminophen", "meloxicam"),
    ),
    **dict.fromkeys(("duodote", "atnaa"), ("atropine", "pralidoxime")),
    **dict.fromkeys(("percocet", "endocet"), ("oxycodone", "acetaminophen")),
    **dict.fromkeys(("norco", "vicodin", "lortab"), ("hydrocodone", "acetaminophen")),
}
"""Names of what holds several drugs, each of which also stands alone."""
