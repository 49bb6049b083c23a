"""The courses of the sample, and their files."""

COURSE = "course-v1:DemoOrg+RB101+2024_T1"  # destroyed by a mistaken import
RERUN = "course-v1:DemoOrg+RB101+2024_T2"  # shares a published structure with it
MIGRATED = "course-v1:DemoOrg+RB050+2020_T3"  # older than the ledger's history: no history row at all
LIBRARY = "library-v1:DemoOrg+RBLib"
OLD_RERUN = "course-v1:DemoOrg+OLD101+2013_Spring"  # what became of OLD_MONGO
OLD_MONGO = "DemoOrg/OLD101/2012_Fall"
OLD_MONGO_ALONE = "DemoOrg/LEGACY7/2011_Fall"

SPLIT = (COURSE, RERUN, MIGRATED, LIBRARY, OLD_RERUN)
OLD = (OLD_MONGO, OLD_MONGO_ALONE)

KEPT_ASSETS = ("week1_notes.pdf", "glossary.txt")  # files of COURSE
REPLACED_ASSETS = ("course_image.png", "syllabus.pdf", "timetable.csv")  # those that the import overwrote
