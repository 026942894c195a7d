"""The report's words in English and French; what it shows of answers and facts is in `words`."""

from __future__ import annotations

from replays.words.tables import spaced

STYLE = (
    "body{font:15px/1.5 serif;max-width:72em;margin:2em auto;padding:0 1em;color:#111}"
    "table{border-collapse:collapse;margin:1em 0;font-size:13px}"
    "th,td{border:1px solid #999;padding:.25em .5em;text-align:left;vertical-align:top}.long{overflow-wrap:anywhere}"
    "th{background:#eee}code,pre{font-size:13px;white-space:pre-wrap}h2{border-bottom:1px solid #999;margin-top:2em}"
    "@media print{body{margin:0;max-width:none}table{page-break-inside:auto}tr{page-break-inside:avoid}}"
)

# name, English, French
WORDS: tuple[tuple[str, str, str], ...] = (
    ("title", "Service levels of contract", "Niveaux de service du contrat"),
    ("intro",
     "This report states what the ledger proves about the contract and period below. It is computed from the entries "
     "listed at its end and from nothing else; whoever holds the bundle can compute it again. Moments are in legal "
     "time ({zone}), each with its offset from UTC; a span holds its first moment and not its last.",
     "Ce rapport énonce ce que le registre prouve du contrat et de la période ci-dessous. Il est calculé à partir des "
     "écritures énumérées à la fin, et d’elles seules ; quiconque détient le dossier peut le recalculer. Les moments "
     "sont en heure légale ({zone}), chacun avec son décalage sur UTC ; un intervalle comprend son premier moment et "
     "non son dernier."),
    ("contract", "Contract", "Contrat"),
    ("period", "Period", "Période"),
    ("terms", "Terms", "Conditions"),
    ("calendar", "calendar", "calendrier"),
    ("known_at", "As known at", "Selon ce qui était connu le"),
    ("all_known", "all the ledger holds; every period taken as over",
     "tout ce que contient le registre ; toute période est tenue pour échue"),
    ("position", "Last entry known / entries in the log", "Dernière écriture connue / écritures du journal"),
    ("ledger", "Ledger and origin", "Registre et origine"),
    ("root", "Root of the tree", "Racine de l’arbre"),
    ("software", "Software", "Logiciel"),
    ("availability", "Availability by month (article 6)", "Disponibilité par mois (article 6)"),
    ("month", "Month", "Mois"),
    ("prt", "PRT", "PRT"),
    ("gross", "Unavailable in PRT", "Indisponible dans la PRT"),
    ("excluded", "Excluded", "Durée exclue"),
    ("ti", "TI", "TI"),
    ("td", "TD", "TD"),
    ("breach", "Promise", "Engagement"),
    ("status", "Status", "État"),
    ("because", "Entries (positions)", "Écritures (positions)"),
    ("formula", "Computed", "Calcul"),
    ("breach_if", "Broken if", "Manquement si"),
    ("no_stop", "No stop is recorded in this month.", "Aucune interruption n’est enregistrée pour ce mois."),
    ("id", "Identity", "Identité"),
    ("kind", "Kind", "Nature"),
    ("type", "Type", "Type d’écriture"),
    ("says", "What an entry of the type says", "Ce qu’énonce une écriture de ce type"),
    ("types_intro", "What entries of each type say, the dots standing for what each names.",
     "Ce qu’énoncent les écritures de chaque type, les points tenant lieu de ce que chacune nomme."),
    ("from", "From", "Du"),
    ("to", "To", "Au"),
    ("in_prt", "In PRT", "Dans la PRT"),
    ("counted", "Counted", "Durée comptée"),
    ("why_not", "Why not counted", "Motif de non-décompte"),
    ("breaches", "Promises found broken", "Manquements constatés"),
    ("no_breach", "No promise is found broken in this period.", "Aucun manquement n’est constaté sur cette période."),
    ("obligation", "Obligation", "Obligation"),
    ("owed", "What is owed", "Ce qui est dû"),
    ("clause", "Clause", "Clause"),
    ("what", "What", "Objet"),
    ("subject", "Subject", "Sujet"),
    ("when", "When", "Quand"),
    ("amount", "Found", "Constaté"),
    ("limit", "Promised", "Promis"),
    ("first_knowable", "First knowable", "Connaissable dès"),
    ("contested", "contested", "contesté"),
    ("contested_column", "Contested", "Contesté"),
    ("restore_decision", "Restore requests (article 9)", "Demandes de restauration (article 9)"),
    ("maintenance", "Maintenance (article 5)", "Maintenance (article 5)"),
    ("updates", "Updates (article 10)", "Mises à jour (article 10)"),
    ("found", "Found", "Constat"),
    ("reason", "Reason", "Motif"),
    ("nothing", "Nothing is recorded.", "Rien n’est enregistré."),
    ("no_fault", "nothing broken", "aucun manquement"),
    ("backups", "Backups (article 9)", "Sauvegardes (article 9)"),
    ("backup_nights", "Nights", "Nuits"),
    ("backup_months", "Months", "Mois"),
    ("backup_deletions", "Backups deleted too early", "Sauvegardes supprimées trop tôt"),
    ("deleted_at", "Deleted", "Supprimée le"), ("owed_until", "Owed until", "Due jusqu’au"),
    ("short_by", "Short by", "Il manque"),
    ("fulfilled", "Fulfilled", "Tenu"),
    ("missed", "Missed", "Manqué"),
    ("pending", "Pending", "En attente"),
    ("support_response", "Support: taken in charge in time (article 12.2)",
     "Assistance : prise en charge dans le délai (article 12.2)"),
    ("year_from", "Year from", "Année à compter du"),
    ("counted_requests", "Requests counted", "Demandes comptées"),
    ("met", "In time", "Dans le délai"),
    ("ratio", "Share", "Part"),
    ("reading", "The reading", "La lecture"),
    ("reading_intro",
     "Where the terms are silent or contradict themselves, each choice is a switch with a name. These were in force.",
     "Là où les conditions se taisent ou se contredisent, chaque choix porte un nom. Voici ceux qui ont été retenus."),
    ("switch", "Switch", "Code du choix"),
    ("about", "What it is about", "Objet du choix"),
    ("value", "Reading taken", "Lecture retenue"),
    ("why", "Why the default is what it is", "Pourquoi la valeur par défaut"),
    ("entries", "Entries relied on", "Écritures invoquées"),
    ("cut_one", "One more row is left out here; the files under answers/ and log/ hold it.",
     "Une autre ligne n’est pas reprise ici ; les fichiers sous answers/ et log/ la contiennent."),
    ("cut", "{count} more rows are left out here; the files under answers/ and log/ hold them all.",
     "{count} autres lignes ne sont pas reprises ici ; les fichiers sous answers/ et log/ les contiennent toutes."),
    ("entries_intro",
     "Each stands in log/entries.tsv under its position; its hash (RFC 6962, hexadecimal) stands in the tree.",
     "Chacune figure dans log/entries.tsv à sa position ; son empreinte (RFC 6962, hexadécimal) est dans l’arbre."),
    ("position_short", "Position", "Position"),
    ("stream", "Stream", "Flux"),
    ("recorded_at", "Recorded at", "Enregistrée le"),
    ("leaf_hash", "Hash", "Empreinte"),
    ("how", "How to verify", "Comment vérifier"),
    ("how_1",
     "On any machine, without network and without trust in whoever made this bundle (KEY and CHECKPOINT must come "
     "from elsewhere than this bundle):",
     "Sur toute machine, sans réseau et sans se fier à l’auteur de ce dossier (KEY et CHECKPOINT doivent venir "
     "d’ailleurs que de ce dossier) :"),
    ("how_2",
     "The first command computes every answer again and compares it byte for byte, this page included. The second is "
     "a program of its own, short enough to be read, which compares every hash and signature. FORMAT.md tells how to "
     "write a third.",
     "La première commande recalcule chaque réponse et la compare octet par octet, cette page comprise. La seconde est "
     "un programme indépendant, assez court pour être lu, qui compare chaque empreinte et chaque signature. FORMAT.md "
     "dit comment en écrire un troisième."),
    ("how_3",
     "What no verification can show: that a fact was recorded truly, or recorded at all; that entries shown as hashes "
     "only hold nothing of this contract; and, without a head held before, a witness or a time stamp, that the "
     "ledger's keeper did not write two histories.",
     "Ce qu’aucune vérification ne peut montrer : qu’un fait a été enregistré fidèlement, ou enregistré tout court ; "
     "que les écritures réduites à leur empreinte ne concernent pas ce contrat ; et, sans tête détenue auparavant, "
     "témoin ou horodatage, que le teneur du registre n’a pas écrit deux histoires."),
    ("kept", "kept", "tenu"),
    ("broken", "BROKEN", "MANQUÉ"),
    ("undecided", "not decided", "non tranché"),
)  # fmt: skip


LANGUAGES: dict[str, dict[str, str]] = {
    "en": {name: english for name, english, _ in WORDS},
    "fr": {name: spaced(french) for name, _, french in WORDS},
}
